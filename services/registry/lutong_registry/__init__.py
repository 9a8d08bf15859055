"""The registry owns merchants, their mini-programs and the search for the service a post needs.

It listens to posts and to how services are used. It says how programs live (submitted, approved,
released, rolled back, suspended) and which service a post leads to, or why to none.
"""
