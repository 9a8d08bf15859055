"""Open data as files that `lutong import` takes."""
