"""flow.md: from an event to who publishes it, handles it, decides and saves; read from syntax trees, never by hand."""
