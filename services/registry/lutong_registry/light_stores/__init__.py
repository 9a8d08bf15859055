"""Brand light stores: a template in versions, a row per store, and a program for each, made from both."""
