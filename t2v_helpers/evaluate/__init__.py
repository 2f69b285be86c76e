"""Does a clip show what its prompt says?"""
