"""What developers run and no image contains: generators of documents, and model fitting."""
