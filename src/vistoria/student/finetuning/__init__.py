"""A backbone that learns too: the whole network is tuned on the labels, end to end, with torch.

tuned       a backbone tuned on the labels, ready for the heads; and what that changed
sides       which rows it is tuned on, and which of them it never sees
aims        the labels of each field as numbers           · frames, augmentation: its pictures
school      the training itself, which goes on after a kill
"""
