"""What only Google Cloud needs: the linked data set, its subscription, and the doctor's checks."""
