// Runs the package telegram-test-api on a free port, and does as it is told by lines of JSON.
// Usage: node test_api.cjs <token>, with the packages in NODE_PATH. It ends with its input.
const { TelegramServer } = require("telegram-test-api/lib/telegramServer");
const net = require("node:net");
const readline = require("node:readline");

const token = process.argv[2];
const say = (text) => console.log("OK", text);

// The package takes port 0 for its own default.
function freePort() {
  return new Promise((resolve) => {
    const probe = net.createServer().listen(0, "127.0.0.1", () => {
      const { port } = probe.address();
      probe.close(() => resolve(port));
    });
  });
}

async function main() {
  const server = new TelegramServer({ host: "127.0.0.1", port: await freePort() });
  await server.start();
  const client = server.getClient(token);
  say(`listening ${server.config.apiURL}`);
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const order = JSON.parse(line);
    if (order.say) {
      await client.sendCommand(client.makeCommand(order.say));
      say("true");
    } else if (order.press) {
      const under = server.storage.botMessages.at(-1);
      const message = { message_id: under.messageId, date: 1 };
      await client.sendCallback(client.makeCallbackQuery(order.press, { message }));
      say("true");
    } else {
      const history = await client.getUpdatesHistory();
      say(JSON.stringify(history.filter((it) => it.message && it.message.chat_id)));
    }
  }
  await server.stop();
}

main().then(() => process.exit(0), (err) => {
  console.error(err);
  process.exit(1);
});
