// A bot made with grammY, which takes every step that the double is asked to get right.
// Usage: node grammy.cjs <url> <token>, with the packages in NODE_PATH.
const { Bot, GrammyError, InlineKeyboard, InputFile } = require("grammy");
const assert = require("node:assert");
const readline = require("node:readline");

const [apiRoot, token] = process.argv.slice(2);
const bot = new Bot(token, { client: { apiRoot } });
const say = (...words) => console.log("OK", ...words);
const input = readline.createInterface({ input: process.stdin });
const nextLine = new Promise((resolve) => input.once("line", resolve));

async function refused(promise, code, words) {
  const err = await promise.then(() => assert.fail("not refused"), (it) => it);
  assert.ok(err instanceof GrammyError, String(err));
  assert.strictEqual(err.error_code, code);
  assert.match(err.description, words);
  return err;
}

bot.on("message:text", async (ctx) => {
  assert.strictEqual(ctx.message.text, "hello");
  assert.strictEqual(ctx.chat.type, "private");
  const name = ctx.from.first_name;
  const reply = await ctx.reply(`<b>hello</b> <i>${name}</i> &amp; co`, {
    parse_mode: "HTML",
    reply_parameters: { message_id: ctx.message.message_id },
  });
  assert.strictEqual(reply.text, `hello ${name} & co`);
  assert.strictEqual(reply.reply_to_message.message_id, ctx.message.message_id);
  say("reply", reply.message_id);
  const keyboard = new InlineKeyboard().text("One", "choice-1").text("Two", "choice-2");
  const card = await ctx.reply("which?", { reply_markup: keyboard });
  assert.strictEqual(card.reply_markup.inline_keyboard[0].length, 2);
  say("keyboard", card.message_id);
});

bot.on("callback_query:data", async (ctx) => {
  say("callback", ctx.callbackQuery.data);
  await ctx.answerCallbackQuery();
  await refused(ctx.answerCallbackQuery(), 400, /query is too old/);
  const edited = await ctx.editMessageText("you chose <b>2</b>", { parse_mode: "HTML" });
  assert.strictEqual(edited.text, "you chose 2");
  assert.strictEqual(edited.reply_markup, undefined);
  const same = ctx.editMessageText("you chose <b>2</b>", { parse_mode: "HTML" });
  await refused(same, 400, /message is not modified/);
  say("edit");
  await ctx.replyWithChatAction("typing");
  const file = new InputFile(Buffer.from("1,2,3\n"), "figures.csv");
  const sent = await ctx.replyWithDocument(file, { caption: "the <b>figures</b>", parse_mode: "HTML" });
  assert.strictEqual(sent.document.file_name, "figures.csv");
  assert.strictEqual(sent.caption, "the figures");
  say("document", sent.message_id);
  bot.card = ctx.callbackQuery.message.message_id;
});

bot.on("message:document", async (ctx) => {
  assert.strictEqual(ctx.message.caption, "read this");
  assert.strictEqual(ctx.message.document.file_name, "notes.txt");
  const file = await ctx.getFile();
  const answer = await fetch(`${apiRoot}/file/bot${token}/${file.file_path}`);
  say("download", await answer.text());
  await ctx.api.setMessageReaction(ctx.chat.id, bot.card, [{ type: "emoji", emoji: "👍" }]);
  say("reaction");
  const send = (text, more) => ctx.api.sendMessage(ctx.chat.id, text, more);
  await refused(send("<b>open", { parse_mode: "HTML" }), 400, /can't parse entities/);
  say("parse-error");
  await refused(send("😀".repeat(2049)), 400, /message is too long/);
  say("too-long");
  assert.strictEqual(await nextLine, "throttled");
  const err = await refused(send("again"), 429, /retry after 3/);
  say("throttle", err.parameters.retry_after);
  const table = "<table><tr><td>1</td></tr></table>";
  const rich = await ctx.api.raw.sendRichMessage({ chat_id: ctx.chat.id, rich_message: { html: table } });
  assert.ok(rich.rich_message.blocks.length);
  // Not from within a handler: stopping waits for it.
  setImmediate(finish);
});

async function finish() {
  await bot.stop();
  input.close();
  say("done");
}

bot.catch((err) => {
  console.error(err.error);
  process.exit(1);
});

bot.init().then(() => {
  say("getMe", bot.botInfo.username);
  return bot.start();
}).catch((err) => {
  console.error(err);
  process.exit(1);
});
