"""What is planted in each scenario: a table of typologies and look-alikes a module."""
