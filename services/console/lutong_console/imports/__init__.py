"""`lutong import`: files of what people have, through the public interfaces."""
