"""The registry owns merchants, their mini-programs and the search for the service a post needs.

It consumes posts and uses of services. It publishes the states of programs (submitted, approved,
released, rolled back, suspended) and the service that a post leads to, or why there is none.
"""
