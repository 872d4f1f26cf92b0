"""Programs made by chance: the same origins in every dialect?"""
