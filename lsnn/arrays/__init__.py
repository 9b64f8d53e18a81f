"""Networks on arrays of one's own: `lsnn.create`, `lsnn.fit`, and a network called on spikes."""
