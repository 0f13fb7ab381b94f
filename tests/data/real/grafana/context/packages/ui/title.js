export const title = (name) => `board ${name}`;
