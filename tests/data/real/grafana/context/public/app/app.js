import { title } from "../../packages/ui/title.js";

console.log(title("one"));
