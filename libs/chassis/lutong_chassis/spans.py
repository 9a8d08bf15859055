"""What is left out of spans. Imported only where traces are exported."""

from typing import Final

from opentelemetry.context import Context
from opentelemetry.sdk.trace import Span, SpanProcessor

_QUERY: Final = "url.query"


class WithoutQueries(SpanProcessor):
    """Takes what people typed out of the spans of their requests: a search may be for a name or an address."""

    def on_start(self, span: Span, parent_context: Context | None = None) -> None:  # noqa: ARG002  # OpenTelemetry's signature
        """See SpanProcessor."""
        if span.attributes and _QUERY in span.attributes:
            span.set_attribute(_QUERY, "REDACTED")
