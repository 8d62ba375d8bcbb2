"""What the documentation site has beside docs/: the changelog, the GraphQL reference made from the SDL, and Mermaid."""

import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from graphql import (
    GraphQLEnumType,
    GraphQLField,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLObjectType,
    build_schema,
    is_introspection_type,
    is_specified_scalar_type,
)
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page
from mkdocs.utils import get_relative_url

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"
LINK_UPWARDS = re.compile(r"\[(?P<text>[^\]]+)\]\((?P<path>\.\./[^)#]+)(#[^)]*)?\)")
MERMAID = ROOT / "frontend" / "node_modules" / "@mermaid-js" / "tiny" / "dist" / "mermaid.tiny.js"
MERMAID_URL = "javascripts/mermaid.js"
PAGE_OF = {"CHANGELOG.md": "changelog.md", "schema/schema.graphql": "reference.md"}


def on_page_markdown(markdown: str, page: Page, **_arguments: object) -> str:
    """Let links to files beside docs/ lead to their page of the site, and keep only the text of the others."""
    folder = (DOCS / page.file.src_uri).parent
    return LINK_UPWARDS.sub(lambda match: link(folder, match), markdown)


def link(folder: Path, match: "re.Match[str]") -> str:
    """Return what replaces a link from a page in a folder of docs/; a link to another page stays as it is.

    Raises PluginError, which fails the build, when the file that it leads to is missing.
    """
    target = (folder / match["path"]).resolve()
    if target.is_relative_to(DOCS):
        return match[0]
    if not target.exists():
        raise PluginError(f"a link leads to {match['path']}, which does not exist")
    page = PAGE_OF.get(str(target.relative_to(ROOT)))
    return f"[{match['text']}]({os.path.relpath(DOCS / page, folder)})" if page else match["text"]


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the generated pages. MkDocs calls this when it has found the files of docs/."""
    pages = {"changelog.md": (ROOT / "CHANGELOG.md").read_text(), "reference.md": reference()}
    for name, content in pages.items():
        files.append(File.generated(config, name, content=content))
    if MERMAID.exists():
        files.append(File.generated(config, MERMAID_URL, abs_src_path=str(MERMAID)))
    return files


def on_page_content(html: str, page: Page, **_arguments: object) -> str:
    """Have a page with diagrams load Mermaid from the site itself. Without npm the theme loads it from unpkg.com."""
    if 'class="mermaid"' in html and MERMAID.exists():
        return f'{html}<script src="{get_relative_url(MERMAID_URL, page.url)}"></script>'
    return html


def reference() -> str:
    """Return the GraphQL reference as Markdown: every type of the SDL with its fields and descriptions."""
    schema = build_schema((ROOT / "schema" / "schema.graphql").read_text())
    types = [
        type_
        for type_ in schema.type_map.values()
        if not is_introspection_type(type_) and not is_specified_scalar_type(type_)
    ]
    sections = (section(type_) for type_ in types)
    return "\n".join(["# GraphQL reference", "", "Made from `schema/schema.graphql`.", *sections]) + "\n"


def section(type_: GraphQLNamedType) -> str:
    return "\n".join(["", f"## {type_.name}", "", type_.description or "", "", *members(type_)])


def members(type_: GraphQLNamedType) -> Iterator[str]:
    """Yield the table of a type's fields or values; nothing for a scalar."""
    if isinstance(type_, GraphQLEnumType):
        rows = ((f"`{name}`", value.description) for name, value in type_.values.items())
        yield from table(["Value", "Description"], rows)
    elif isinstance(type_, GraphQLInputObjectType):
        rows = ((f"`{name}: {field.type}`", field.description) for name, field in type_.fields.items())
        yield from table(["Field", "Description"], rows)
    elif isinstance(type_, GraphQLObjectType | GraphQLInterfaceType):
        rows = ((f"`{signature(name, field)}`", described(field)) for name, field in type_.fields.items())
        yield from table(["Field", "Description"], rows)


def signature(name: str, field: GraphQLField) -> str:
    arguments = ", ".join(f"{key}: {argument.type}" for key, argument in field.args.items())
    return f"{name}({arguments}): {field.type}" if arguments else f"{name}: {field.type}"


def described(field: GraphQLField) -> str:
    arguments = [f"`{name}`: {argument.description}" for name, argument in field.args.items() if argument.description]
    return "<br>".join(filter(None, [field.description, *arguments]))


def table(heads: list[str], rows: Iterable[tuple[str, str | None]]) -> Iterator[str]:
    yield f"| {' | '.join(heads)} |"
    yield f"| {' | '.join('---' for _ in heads)} |"
    for cells in rows:
        yield f"| {' | '.join((cell or '').replace(chr(10), ' ').replace('|', chr(92) + '|') for cell in cells)} |"
