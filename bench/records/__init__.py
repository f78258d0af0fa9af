"""Records: one immutable file a cell, and what names, packs and keeps it. The lower half: it knows no board."""
