// A small server of its own, with its own directory, ports and certificate: for what changes a whole server.
import { execFileSync, spawn } from "node:child_process";
import fs from "node:fs";
import net from "node:net";
import path from "node:path";

import { PASSWORD, demo } from "./people.mjs";

const program = path.join(process.env.BOATHOOK_BIN, "boathook-server");

export async function freePort() {
  return await new Promise((done, failed) => {
    const listener = net.createServer();
    listener.on("error", failed);
    listener.listen(0, "127.0.0.1", () => {
      const { port } = listener.address();
      listener.close(() => done(port));
    });
  });
}

// Made by `init`, not started yet. `settings`: lines of the config file → what stands there instead.
export async function newServer(name, settings = {}) {
  const dir = path.join(path.dirname(demo), name);
  fs.rmSync(dir, { recursive: true, force: true });
  fs.mkdirSync(dir, { recursive: true, mode: 0o700 });
  const [port, ops] = [await freePort(), await freePort()];
  const config = path.join(dir, "boathook-server.toml");
  const origin = `https://localhost:${port}`;
  const run = (args, input = "") => execFileSync(program, ["--config", config, ...args], { input, encoding: "utf8", stdio: ["pipe", "pipe", "pipe"] });
  const made = JSON.parse(run(["--json", "init", "--origin", origin, "--data-dir", path.join(dir, "data"),
    "--listen", `127.0.0.1:${port}`, "--ops-listen", `127.0.0.1:${ops}`, "--self-signed"]));
  let text = fs.readFileSync(config, "utf8");
  for (const [line, other] of Object.entries({ "sign_in_burst = 10": "sign_in_burst = 200", ...settings })) {
    if (!text.includes(`\n${line}\n`)) throw new Error(`the config file has no line ${line}`);
    text = text.replace(`\n${line}\n`, () => `\n${other}\n`);
  }
  fs.writeFileSync(config, text);
  let child;
  const server = {
    dir,
    origin,
    config,
    // As `init` printed it.
    setUp: made.set_up,
    run,
    user: (person, name, ...roles) => run(["user", "add", person, "--name", name, ...roles.flatMap((role) => ["--role", role])], `${PASSWORD}\n`),
    async start() {
      const log = fs.openSync(path.join(dir, "log"), "a");
      child = spawn(program, ["--config", config, "serve"], { stdio: ["ignore", log, log] });
      process.once("exit", end);
      for (let tries = 0; tries < 300; tries++) {
        const ready = await fetch(`http://127.0.0.1:${ops}/readyz`).catch(() => null);
        if (ready?.ok) return;
        if (child.exitCode !== null) break;
        await new Promise((done) => setTimeout(done, 100));
      }
      throw new Error(`the server did not start: ${fs.readFileSync(path.join(dir, "log"), "utf8")}`);
    },
    async stop() {
      if (!child || child.exitCode !== null) return;
      const ended = new Promise((done) => child.once("exit", done));
      child.kill("SIGKILL");
      await ended;
    },
  };
  function end() {
    child?.kill("SIGKILL");
  }
  return server;
}
