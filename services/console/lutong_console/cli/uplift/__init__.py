"""`lutong uplift`: what light membership changed."""
