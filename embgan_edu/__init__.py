"""embgan_edu"""
