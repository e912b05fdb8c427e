"""Pictures as inline SVG: plain marks that take their colours from the page's style."""
