"""Whether what documents name exists: files, settings, make targets, commands, routes and names of the code."""
