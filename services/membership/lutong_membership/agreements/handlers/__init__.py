"""What becomes of agreements: by deadlines, and by what members and merchants ask."""
