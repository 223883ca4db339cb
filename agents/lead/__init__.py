"""The lead agent: one chat turn in, one reply out. What has an effect is asked first; nothing is approved or sent."""
