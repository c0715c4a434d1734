// placeholder until the room lands
