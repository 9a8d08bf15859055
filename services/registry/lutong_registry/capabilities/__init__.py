"""What programs may use of the platform: declared by their versions, granted and revoked by operators."""
