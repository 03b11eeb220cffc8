"""Weight and activation schemes behind two small protocols; packing."""
