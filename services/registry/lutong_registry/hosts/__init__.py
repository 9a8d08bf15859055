"""The apps that programs run in, what each can do for them, and versions that some of them have of their own."""
