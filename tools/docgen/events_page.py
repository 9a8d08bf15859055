"""The AsyncAPI document as a page for people: one file, no script, nothing from elsewhere."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from html import escape
from typing import Any, Final

from lutong_contracts.enumerations import VALUES

_STYLE: Final = """
:root { color-scheme: light dark; --line: #8884; --soft: #8882; --accent: light-dark(#0b57d0, #8ab4f8); }
body { font: 16px/1.5 system-ui, "Noto Sans CJK SC", sans-serif; max-width: 62rem; margin: 0 auto; padding: 1rem; }
h1 { margin-bottom: 0; } h2 { margin-top: 2.5rem; border-bottom: 1px solid var(--line); }
nav { columns: 3 14rem; } nav a { display: block; } a { color: var(--accent); }
a:focus-visible, summary:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
details { border: 1px solid var(--line); border-radius: .4rem; margin: .6rem 0; padding: .4rem .8rem; }
summary { cursor: pointer; } code, pre { font-family: ui-monospace, monospace; font-size: .9em; }
.about { overflow-x: auto; } table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; vertical-align: top; padding: .25rem .6rem; border-bottom: 1px solid var(--soft); }
.small { opacity: .8; font-size: .9em; overflow-wrap: anywhere; }
"""


def page(document: Mapping[str, Any]) -> bytes:
    """The whole page."""
    return "\n".join(_lines(document)).encode() + b"\n"


def _lines(document: Mapping[str, Any]) -> Iterator[str]:
    info = document["info"]
    messages = document["components"]["messages"]
    receivers = _receivers(document)
    yield '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">'
    yield '<meta name="viewport" content="width=device-width, initial-scale=1">'
    yield f"<title>Events of {escape(info['title'])}</title>\n<style>{_STYLE}</style>\n</head>\n<body>"
    yield f"<h1>Events of {escape(info['title'])}</h1>\n<p>{escape(info['description'])}</p>\n<nav>"
    for name, message in messages.items():
        yield f'<a href="#{escape(name)}">{escape(message["title"])}</a>'
    yield "</nav>\n<main>"
    for address, channel in document["channels"].items():
        kafka = channel["bindings"]["kafka"]
        yield f"<h2><code>{escape(address)}</code></h2>"
        yield f"<p>{escape(channel['description'])} {kafka['partitions']} partitions.</p>"
        for name in channel["messages"]:
            yield from _event(name, messages[name], receivers[name])
    yield f"</main>\n<h2>Headers</h2>{_headers(document['components']['schemas']['cloudevent'])}\n</body>\n</html>"


def _receivers(document: Mapping[str, Any]) -> dict[str, list[str]]:
    """By message, the services that handle it."""
    found: dict[str, list[str]] = defaultdict(list)
    for name, operation in document["operations"].items():
        if operation["action"] == "receive":
            for message in operation["messages"]:
                found[message["$ref"].rpartition("/")[2]].append(name.partition("_receives_")[0])
    return found


def _event(name: str, message: Mapping[str, Any], receivers: list[str]) -> Iterator[str]:
    schema = message["payload"]["schema"]
    consumers = ", ".join(receivers) or "no service here"
    what = escape(" ".join(schema["description"].split()))
    yield f"<details><summary><strong>{escape(message['title'])}</strong> — {what}</summary>"
    # The id is inside, since a browser opens what is around the target of a link.
    yield f'<p class="small" id="{escape(name)}"><code>{escape(name)}</code> · key <code>{escape(schema["x-lutong-key"])}</code> · handled by {escape(consumers)}</p>'
    yield '<div class="about"><table><tr><th>field</th><th>is</th><th>needed</th><th>what</th></tr>'
    required = set(schema.get("required", ()))
    for field, part in schema.get("properties", {}).items():
        needed = "yes" if field in required else ""
        what = escape(part.get("description", ""))
        yield f"<tr><td><code>{escape(field)}</code></td><td>{escape(_kind(part, schema))}</td><td>{needed}</td><td>{what}</td></tr>"
    yield "</table></div></details>"


def _kind(part: Mapping[str, Any], root: Mapping[str, Any]) -> str:
    """What a value is, in a few words."""
    if "$ref" in part:
        name = str(part["$ref"]).rpartition("/")[2]
        fields = root["$defs"][name].get("properties")
        return f"{name} {{{', '.join(fields)}}}" if fields else name
    if "anyOf" in part:
        return " or ".join(_kind(option, root) for option in part["anyOf"])
    if "enum" in part or "const" in part:
        return " | ".join(map(str, part.get("enum", [part.get("const")])))
    if VALUES in part:
        return " | ".join([*part[VALUES], "…"])
    if part.get("type") == "array":
        return f"list of {_kind(part['items'], root)}" if "items" in part else "list"
    bounds = [f"{word} {part[word]}" for word in ("minimum", "maximum", "minLength", "maxLength") if word in part]
    return " ".join([part.get("format") or part.get("type", "anything"), *bounds])


def _headers(schema: Mapping[str, Any]) -> str:
    rows = (
        f"<tr><td><code>{escape(name)}</code></td><td>{escape(part['description'])}</td></tr>"
        for name, part in schema["properties"].items()
    )
    return f'<div class="about"><table>{"".join(rows)}</table></div>'
