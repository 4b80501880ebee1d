/** Ends this process with the one that forked it. To be called first: that one may be gone while this one still starts. */
export function endWithParent(): void {
  process.on('disconnect', () => process.exit());
  if (process.connected === false) process.exit();
}
