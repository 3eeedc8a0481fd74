"""A backbone that learns too: the whole network is tuned on the labels, end to end, with torch.

tuned       a backbone tuned on the labels, ready for the heads; and what that changed
sides       which rows it is tuned on, and which of them it never sees
lesson      what it is to learn, and how                  · aims, frames, augmentation
school      the training itself, which goes on after a kill
"""
