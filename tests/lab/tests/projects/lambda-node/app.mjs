export async function handler(event, context) {
  if (!event.name) throw new TypeError(`who asks ${context.functionName}?`);
  return { greeting: `hello ${event.name}` };
}
