"""How it looks: tokens as data, the palette and the style sheet made from them, icons recoloured by them."""
