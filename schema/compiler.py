"""Operations as functions: what a document asks for is found out once; each answer is then read off its objects.

graphql-core walks the document again at every request, and makes a path and an info for every field of every
object, on which small queries spent most of their time. Here a selection becomes a closure over what is known
beforehand: its fields, how each gets its value, and what is made of the value. The rules are the specification's
(https://spec.graphql.org/October2021/#sec-Execution), for resolvers that are synchronous. graphql-core coerces
variables and arguments, and the tests hold this to its answers.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cache
from operator import attrgetter
from typing import Any, cast

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLAbstractType,
    GraphQLError,
    GraphQLField,
    GraphQLIncludeDirective,
    GraphQLObjectType,
    GraphQLResolveInfo,
    GraphQLSchema,
    GraphQLSkipDirective,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionNode,
    SelectionSetNode,
    get_argument_values,
    get_directive_values,
    get_nullable_type,
    is_abstract_type,
    is_enum_type,
    is_introspection_type,
    is_leaf_type,
    is_list_type,
    is_non_null_type,
)
from graphql.execution.values import VariableValues
from graphql.pyutils import Path
from strawberry.schema.schema_converter import GraphQLCoreConverter
from strawberry.types.field import StrawberryField

from schema.errors import ErrorCode
from schema.executor import Execution, Position

Get = Callable[[Any, Execution], Any]  # the value of a field of an object
Complete = Callable[[Any, Execution, Position], Any]  # the answer that is made of a value


class Compiler:
    """Compiles an operation of a document, each object's fields when the first such object comes.

    Only directives look at the variables. What is compiled of a document without any serves every execution.
    """

    def __init__(self, schema: GraphQLSchema, document: DocumentNode, variables: VariableValues) -> None:
        self._schema = schema
        self._variables = variables
        self._fragments: Mapping[str, FragmentDefinitionNode] = {
            node.name.value: node for node in document.definitions if isinstance(node, FragmentDefinitionNode)
        }

    def operation(self, node: OperationDefinitionNode) -> Complete:
        """Return what makes the data of a valid operation."""
        root = self._schema.get_root_type(node.operation)
        return self._object(cast("GraphQLObjectType", root), [node.selection_set])

    def _object(self, type_: GraphQLObjectType, selections: Sequence[SelectionSetNode]) -> Complete:
        is_of_schema = is_introspection_type(type_)
        fields: list[tuple[str, Complete]] = []

        def complete(source: Any, execution: Execution, position: Position) -> Any:
            nonlocal fields
            fields = fields or self._fields(type_, selections)
            execution.enter(1 + len(fields) if is_of_schema else 0)
            return {key: read(source, execution, position) for key, read in fields}

        return complete

    def _fields(self, type_: GraphQLObjectType, selections: Sequence[SelectionSetNode]) -> list[tuple[str, Complete]]:
        return [(key, self._field(type_, key, nodes)) for key, nodes in self._collect(type_, selections).items()]

    def _collect(self, type_: GraphQLObjectType, selections: Sequence[SelectionSetNode]) -> dict[str, list[FieldNode]]:
        """Return the fields that are asked of an object, by their names in the answer."""
        nodes: dict[str, list[FieldNode]] = {}
        spread: set[str] = set()
        for node in (node for part in selections for node in self._flatten(type_, part.selections, spread)):
            nodes.setdefault(node.alias.value if node.alias else node.name.value, []).append(node)
        return nodes

    def _flatten(
        self, type_: GraphQLObjectType, nodes: Iterable[SelectionNode], spread: set[str]
    ) -> Iterator[FieldNode]:
        """Yield the fields, those of fragments where these are spread; a fragment that was spread is not again."""
        for node in filter(self._is_included, nodes):
            if isinstance(node, FieldNode):
                yield node
                continue
            fragment: Any = node
            if isinstance(node, FragmentSpreadNode):
                fragment = None if node.name.value in spread else self._fragments[node.name.value]
                spread.add(node.name.value)
            if fragment is not None and self._applies(fragment, type_):
                yield from self._flatten(type_, fragment.selection_set.selections, spread)

    def _is_included(self, node: SelectionNode) -> bool:
        if not node.directives:
            return True
        skip = _coerced(get_directive_values, GraphQLSkipDirective, node, self._variables)
        if skip and skip["if"]:
            return False
        include = _coerced(get_directive_values, GraphQLIncludeDirective, node, self._variables)
        return not include or bool(include["if"])

    def _applies(self, node: InlineFragmentNode | FragmentDefinitionNode, type_: GraphQLObjectType) -> bool:
        if node.type_condition is None:
            return True
        wanted = self._schema.type_map[node.type_condition.name.value]
        return wanted is type_ or (is_abstract_type(wanted) and self._schema.is_sub_type(wanted, type_))

    def _field(self, parent: GraphQLObjectType, key: str, nodes: list[FieldNode]) -> Complete:
        name = nodes[0].name.value
        field = cast("GraphQLField", self._schema.get_field(parent, name))
        get = self._getter(parent, field, key, nodes)
        complete = self._value(field.type, nodes, f"{parent}.{name}")
        nullable = not is_non_null_type(field.type)

        def read(source: Any, execution: Execution, above: Position) -> Any:
            position = (above, key)
            try:
                return complete(get(source, execution), execution, position)
            except Exception as error:
                return execution.fail(error, nodes, position, nullable)

        return read

    def _value(self, type_: Any, nodes: list[FieldNode], name: str) -> Complete:
        """Return what makes an answer of a value, which raises where something is wrong with it."""
        if is_leaf_type(get_nullable_type(type_)):
            return _leaf(type_, name)
        complete, nullable = self._present(get_nullable_type(type_), nodes, name), not is_non_null_type(type_)

        def complete_value(value: Any, execution: Execution, position: Position) -> Any:
            return _null(nullable, name) if value is None else complete(value, execution, position)

        return complete_value

    def _present(self, type_: Any, nodes: list[FieldNode], name: str) -> Complete:
        """Return what makes an answer of a list or an object that is not null."""
        if is_list_type(type_):
            return self._list(type_.of_type, nodes, name)
        selections = [node.selection_set for node in nodes if node.selection_set]
        return self._abstract(type_, selections) if is_abstract_type(type_) else self._object(type_, selections)

    def _list(self, type_: Any, nodes: list[FieldNode], name: str) -> Complete:
        complete, nullable = self._value(type_, nodes, name), not is_non_null_type(type_)

        def item(value: Any, execution: Execution, position: Position) -> Any:
            try:
                return complete(value, execution, position)
            except Exception as error:
                return execution.fail(error, nodes, position, nullable)

        def complete_items(values: Any, execution: Execution, position: Position) -> Any:
            return [item(value, execution, (position, index)) for index, value in enumerate(values)]

        if not is_leaf_type(get_nullable_type(type_)):
            return complete_items
        # Without ceremony: a thousand events can have six thousand errors, whose paths are such lists.
        coerce = _coerce(get_nullable_type(type_))
        return lambda values, execution, position: (
            complete_items(values, execution, position) if None in values else [coerce(value) for value in values]
        )

    def _abstract(self, type_: GraphQLAbstractType, selections: Sequence[SelectionSetNode]) -> Complete:
        """Return what completes an object of any of the types that stand behind an interface."""
        objects = [(each, self._object(each, selections)) for each in self._schema.get_possible_types(type_)]

        def complete(value: Any, execution: Execution, position: Position) -> Any:
            for each, complete_object in objects:
                if each.is_type_of is not None and each.is_type_of(value, cast("Any", None)):
                    return complete_object(value, execution, position)
            raise TypeError(f"{type(value).__name__} is no type of {type_}.")

        return complete

    def _getter(self, parent: GraphQLObjectType, field: GraphQLField, key: str, nodes: list[FieldNode]) -> Get:
        if nodes[0].name.value == "__typename":
            return lambda _source, _execution: parent.name
        definition: StrawberryField | None = field.extensions.get(GraphQLCoreConverter.DEFINITION_BACKREF)
        if definition is None or not definition.is_basic_field:
            return self._resolver(parent, field, key, nodes)
        return _attribute(getattr(definition, "django_name", None) or definition.python_name)

    def _resolver(self, parent: GraphQLObjectType, field: GraphQLField, key: str, nodes: list[FieldNode]) -> Get:
        """Return a getter that calls a resolver; its info says what is known before the execution."""
        known: dict[str, Any] = {
            "field_name": nodes[0].name.value,
            "field_nodes": nodes,
            "return_type": field.type,
            "parent_type": parent,
            "path": Path(None, key, parent.name),
            "schema": self._schema,
        }
        info: Any = GraphQLResolveInfo(**{**dict.fromkeys(GraphQLResolveInfo._fields), **known})
        resolve, node = _direct(field) or cast("Callable[..., Any]", field.resolve), nodes[0]
        if not field.args:
            return lambda source, _execution: resolve(source, info)
        return lambda source, execution: resolve(
            source, info, **_coerced(get_argument_values, field, node, execution.variables)
        )


def _coerced(coerce: Callable[..., Any], *arguments: Any) -> Any:
    """Return what a client gave to a field or a directive. Raises GraphQLError, as bad input, for a wrong value."""
    try:
        return coerce(*arguments)
    except GraphQLError as error:
        error.extensions = {"code": ErrorCode.BAD_USER_INPUT.name}
        raise


@cache  # as is what follows: documents have a great many leaves, of the few that the schema has
def _attribute(name: str) -> Get:
    attribute = attrgetter(name)
    return lambda source, _execution: attribute(source)


@cache
def _leaf(type_: Any, name: str) -> Complete:
    coerce, nullable = _coerce(get_nullable_type(type_)), not is_non_null_type(type_)
    return lambda value, _execution, _position: _null(nullable, name) if value is None else coerce(value)


def _null(nullable: bool, name: str) -> None:
    if not nullable:
        raise TypeError(f"Cannot return null for non-nullable field {name}.")


@cache
def _coerce(type_: Any) -> Callable[[Any], Any]:
    """Return what makes JSON of a scalar's or an enum's value."""
    coerce: Callable[[Any], Any] = type_.coerce_output_value
    return cache(coerce) if is_enum_type(type_) else coerce  # Strawberry compares an enum's value with each


def _direct(field: GraphQLField) -> Callable[..., Any] | None:
    """Return a resolver without what Strawberry puts around it; None when it needs something of that.

    graphql-core has coerced the arguments, so only their names are left to convert.
    """
    definition: StrawberryField | None = field.extensions.get(GraphQLCoreConverter.DEFINITION_BACKREF)
    resolver = definition.base_resolver if definition is not None else None
    if definition is None or resolver is None or definition.extensions or resolver.info_parameter is not None:
        return None
    function = cast("Callable[..., Any]", resolver.wrapped_func)
    names = {name: argument.python_name for name, argument in zip(field.args, definition.arguments, strict=True)}

    def resolve(source: Any, _info: Any, **arguments: Any) -> Any:
        return function(source, **{names[name]: value for name, value in arguments.items()})

    return resolve
