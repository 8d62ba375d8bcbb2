"""GraphQL documents: each text is parsed, measured and validated once, however often it is executed."""

from collections.abc import Mapping
from dataclasses import dataclass
from sys import getsizeof
from threading import Lock

from cachetools import LRUCache, cached
from django.conf import settings
from graphql import (
    ASTValidationRule,
    DocumentNode,
    FieldNode,
    GraphQLError,
    GraphQLSchema,
    GraphQLSyntaxError,
    NoSchemaIntrospectionCustomRule,
    OperationDefinitionNode,
    parse,
    print_ast,
    validate,
)
from strawberry.schema.validation_rules.maybe_null import MaybeNullValidationRule
from strawberry.schema.validation_rules.one_of import OneOfInputValidationRule
from strawberry.types.graphql import OperationType

from schema.errors import ErrorCode, RequestError, TooLarge
from schema.inputs import EVENT_INPUT
from schema.limits import Meter, Price, defaults

BYTES_OF_A_TOKEN = 400  # of a parsed document, with its nodes and places; measured with the densest ones


@dataclass(frozen=True)
class Operation:
    """An operation of a document, and what is known of it before its execution."""

    type: OperationType
    name: str  # for metrics: clients' own names could be any number of names
    price: Price
    defaults: Mapping[str, int | str]  # the sizes that its variables have where a client sends none
    events: Mapping[str, bool]  # its variables that hold events, with whether they hold lists of them


@dataclass
class Document:
    """A parsed document: its operations, and the errors of validation, None before that has run."""

    text: str
    node: DocumentNode
    operations: Mapping[str | None, Operation]
    errors: list[GraphQLError] | None = None

    def operation(self, name: str | None) -> Operation:
        """Return the operation to execute. Raises RequestError when it is not clear which one is meant."""
        if name is None and len(self.operations) == 1:
            return next(iter(self.operations.values()))
        if name not in self.operations:
            raise RequestError(400, "The document has no such operation; name one of its operations.")
        return self.operations[name]

    def validate(self, graph: GraphQLSchema, rules: tuple[type[ASTValidationRule], ...]) -> list[GraphQLError]:
        """Return what is wrong with the document. The first call validates it."""
        if self.errors is None:
            hidden = not settings.GRAPHQL_INTROSPECTION
            rules = (*rules, MaybeNullValidationRule, OneOfInputValidationRule)  # Strawberry's own, on top
            rules = (*rules, NoSchemaIntrospectionCustomRule) if hidden else rules
            errors = validate(graph, self.node, rules, settings.GRAPHQL_MAX_ERRORS, hide_suggestions=hidden)
            for error in errors:
                error.extensions = {"code": ErrorCode.GRAPHQL_VALIDATION_FAILED.name}
            self.errors = errors
        return self.errors


def _weight(document: Document) -> int:
    """Return about how many bytes a document takes: its text counts twice, because nodes hold parts of it."""
    return 2 * getsizeof(document.text) + BYTES_OF_A_TOKEN * document.node.token_count


@cached(LRUCache(settings.GRAPHQL_MAX_CACHE, getsizeof=_weight), key=lambda _graph, text: text, lock=Lock())
def read_document(graph: GraphQLSchema, text: str) -> Document:
    """Parse and measure a document, unless it was among those that were sent last.

    Raises TooLarge when it exceeds a limit, GraphQLSyntaxError when it is no GraphQL.
    """
    node = _parsed(text)
    meter = Meter(graph, node)
    nodes = [definition for definition in node.definitions if isinstance(definition, OperationDefinitionNode)]
    operations = {each.name.value if each.name else None: _operation(each, meter) for each in nodes}
    meter.measure_unused()
    return Document(text, node, operations)


def _operation(node: OperationDefinitionNode, meter: Meter) -> Operation:
    types = {each.variable.name.value: print_ast(each.type) for each in node.variable_definitions or ()}
    events = {name: type_.startswith("[") for name, type_ in types.items() if type_.strip("[]!") == EVENT_INPUT}
    return Operation(OperationType(node.operation.value), _name(node), meter.measure(node), defaults(node), events)


def _name(node: OperationDefinitionNode) -> str:
    """Name an operation by the one field that it asks for."""
    selections = node.selection_set.selections
    if len(selections) != 1 or not isinstance(selections[0], FieldNode):
        return "several"
    name = selections[0].name.value
    return "introspection" if name.startswith("__") else name


def _parsed(text: str) -> DocumentNode:
    limit = settings.GRAPHQL_MAX_TOKENS
    if len(text) > settings.GRAPHQL_MAX_DOCUMENT:
        raise TooLarge(f"The document has more than {settings.GRAPHQL_MAX_DOCUMENT:,} characters.")
    if text.count("\n") + text.count("\r") > limit:  # to locate an error takes longer the more lines there are
        raise TooLarge(f"The document has more than {limit:,} lines.")
    try:
        document = parse(text, max_lexical_tokens=limit, max_comments=limit)
    except GraphQLSyntaxError as error:
        if "Parsing aborted" in error.message or "too deeply" in error.message:
            raise TooLarge(error.message.removeprefix("Syntax Error: ")) from None
        raise
    if len(document.definitions) > settings.GRAPHQL_MAX_DEFINITIONS:
        raise TooLarge(f"The document has more than {settings.GRAPHQL_MAX_DEFINITIONS:,} definitions.")
    return document
