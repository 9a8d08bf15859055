"""What is rendered is held to what every manifest is held to; so are templates, with their placeholders filled."""

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from pydantic import ConfigDict, ValidationError

from lutong_contracts.sentences import Wrong as Sentence
from lutong_contracts.sentences import summary, wrongs
from lutong_contracts.values import Identifier
from lutong_registry.light_stores.domain import rendering
from lutong_registry.light_stores.domain.rendering import Fields, Row, Wrong
from lutong_registry.programs.bodies import Manifest

_A_STORE: Final = Row("store-1", "门店", "09:00-22:00", "上海", {})
"""What placeholders are filled with when a template is looked at by itself."""


class LightManifest(Manifest):
    """A manifest that sells what another program of its merchant sells."""

    model_config = ConfigDict(extra="forbid")

    offers_of: Identifier | None = None


class Made(NamedTuple):
    """A manifest that is right: its canonical JSON, and its digest."""

    json: str
    digest: str


def made(template: Fields, row: Row, edits: Fields) -> Made | Wrong:
    """A store's manifest, or the column that spoils it."""
    if missing := rendering.lacking(template, row):
        return missing
    manifest = rendering.render(template, row, edits)
    if found := problems(manifest):
        return Wrong(_blamed(found[0].pointer, row, edits), summary(found))
    return Made(rendering.canonical(manifest).decode(), rendering.digest_of(manifest))


def problems(manifest: Mapping[str, Any]) -> Sequence[Sentence]:
    """Everything that is wrong with a manifest, each by its JSON pointer."""
    try:
        LightManifest.model_validate(manifest)
    except ValidationError as error:
        return wrongs(error.errors(include_url=False), LightManifest)
    return ()


def sample(template: Fields) -> Fields:
    """A template filled for a store with short names: what is wrong there is wrong everywhere."""
    return rendering.render(template, _A_STORE, {})


def template_problems(template: Fields) -> Sequence[Sentence]:
    """Everything that is wrong with a template, each by the JSON pointer of its field."""
    return problems(sample(template))


def _blamed(pointer: str, row: Row, edits: Fields) -> str:
    """The column of a row whose value a field has; the store's name where the template decides."""
    field = pointer.split("/")[1] if pointer else ""
    if field in edits:
        return "edits"
    return "overrides" if field in row.overrides else "name"
