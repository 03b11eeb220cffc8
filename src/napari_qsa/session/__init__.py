"""What a user does, as evented objects without a window: docks show them, commands call them."""
