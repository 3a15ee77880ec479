"""What can anybody ask of the fleet in SQL?"""
