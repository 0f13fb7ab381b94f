const express = require("express");
const { version } = require("express/package.json");

const app = express();

app.get("/", (request, response) => {
  response.type("text").send(`Hello from Express ${version} on Node.js ${process.versions.node}\n`);
});

app.listen(3000, () => console.log("listening on port 3000"));
