"""How networks of the zoo are trained: the loop, objectives, nets."""
