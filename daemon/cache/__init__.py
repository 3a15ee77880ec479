"""What did providers last answer, and may that be given once more?"""
