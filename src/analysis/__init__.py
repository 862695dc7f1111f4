"""Did a one-day initiative work?"""
