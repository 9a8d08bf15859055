"""`lutong replay`: real data through the public interfaces."""
