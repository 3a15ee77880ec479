"""How do programs on this host call a provider, with a token that they never see?"""
