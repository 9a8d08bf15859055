"""The commands of `lutong`, one file each."""
