// discord.js against the double: takes one step after the other and says each on a line of its own.
// Arguments: the address of the API, the address of the files, the token.
'use strict';

const {
  ActionRowBuilder, AttachmentBuilder, ButtonBuilder, ButtonStyle, Client, Events,
  GatewayIntentBits, MessageFlags, Partials,
} = require('discord.js');

const [api, cdn, token] = process.argv.slice(2);
const client = new Client({
  intents: [
    GatewayIntentBits.Guilds, GatewayIntentBits.GuildMessages, GatewayIntentBits.MessageContent,
    GatewayIntentBits.DirectMessages, GatewayIntentBits.GuildMessageReactions,
  ],
  partials: [Partials.Channel],
  rest: { api },
});

function ok(step, ...details) {
  process.stdout.write(`OK ${[step, ...details].join(' ')}\n`);
}

// Events are kept until somebody asks for them, so that none is missed between two steps.
const seen = [];
const waiting = [];
function keep(name, value) {
  seen.push([name, value]);
  for (const look of waiting.slice()) look();
}
function next(name, wanted = () => true) {
  return new Promise((resolve) => {
    const look = () => {
      const at = seen.findIndex(([it, value]) => it === name && wanted(value));
      if (at < 0) return;
      const [[, value]] = seen.splice(at, 1);
      waiting.splice(waiting.indexOf(look), 1);
      resolve(value);
    };
    waiting.push(look);
    look();
  });
}
for (const name of [
  Events.MessageCreate, Events.MessageDelete, Events.InteractionCreate, Events.ShardResume,
  Events.GuildDelete, Events.GuildCreate,
]) {
  client.on(name, (value) => keep(name, value));
}
// These come with two values.
client.on(Events.MessageUpdate, (before, after) => keep('edited', after));
client.on(Events.ChannelUpdate, (before, after) => keep('renamed', after));
client.on(Events.MessageReactionAdd, (reaction, by) => keep('reacted', { reaction, by, added: true }));
client.on(Events.MessageReactionRemove, (reaction, by) => keep('reacted', { reaction, by, added: false }));
const message = () => next(Events.MessageCreate, (it) => it.author.id !== client.user.id);

async function refused(doing) {
  try {
    await doing;
    return 'nothing';
  } catch (err) {
    return `${err.status} ${err.code}`;
  }
}

async function talk(channel) {
  const asked = await message();
  const mentioned = asked.mentions.has(client.user);
  ok('message', asked.author.displayName, mentioned, asked.content.replace(/<@\d+> /, ''));
  const reply = await asked.reply(`hello ${asked.author.displayName}`);
  ok('reply', reply.id, reply.reference.messageId === asked.id);

  const button = new ButtonBuilder()
    .setCustomId('choice-2').setLabel('Two').setStyle(ButtonStyle.Secondary);
  const row = new ActionRowBuilder().addComponents(button);
  const card = await channel.send({ content: 'which?', components: [row] });
  ok('card', card.id);
  const press = await next(Events.InteractionCreate, (it) => it.isButton());
  await press.deferUpdate();
  ok('press', press.customId, press.user.displayName, press.message.id === card.id);
  ok('again', await refused(press.client.rest.post(
    `/interactions/${press.id}/${press.token}/callback`, { body: { type: 6 }, auth: false })));
  const edited = await card.edit({ content: 'you chose 2', components: [] });
  ok('edit', edited.components.length);
  await card.react('👍');
  const fetched = await channel.messages.fetch({ message: card.id, force: true });
  ok('reaction', fetched.reactions.cache.get('👍').me, fetched.content);
  await fetched.reactions.cache.get('👍').users.remove(client.user.id);
  // Asked for plainly: the client's own memory would have to be told by the gateway.
  const bare = await client.rest.get(`/channels/${channel.id}/messages/${card.id}`);
  ok('unreaction', bare.reactions === undefined);
}

// What people do besides writing, and what the bot does about it.
async function deeds(channel) {
  const came = await message();
  const edited = await next('edited', (it) => it.id === came.id);
  ok('edited', edited.editedTimestamp !== null, edited.content);
  for (const step of ['reacted', 'unreacted']) {
    const it = await next('reacted', ({ by }) => by.id !== client.user.id);
    ok(step, it.added, it.by.id, it.reaction.emoji.name);
  }
  const gone = await next(Events.MessageDelete);
  ok('deleted', gone.id === came.id);
  const forward = await message();
  ok('forward', forward.messageSnapshots.first().content);
  const poll = await message();
  ok('poll', poll.poll.question.text, poll.poll.answers.first().text);
  const named = await next('renamed');
  ok('renamed', named.name);
  const line = await channel.send({
    content: 'working', flags: [MessageFlags.SuppressEmbeds, MessageFlags.SuppressNotifications],
  });
  ok('flags', line.flags.bitfield);
  await line.delete();
  ok('taken-away', await refused(channel.messages.fetch({ message: line.id, force: true })));
  const album = ['a.txt', 'b.txt'].map((name) => new AttachmentBuilder(Buffer.from(name), { name }));
  const sent = await channel.send({ files: album });
  ok('album', sent.attachments.size);
  const menu = await client.application.commands.set([{
    name: 'status', description: 'What runs',
    options: [{ type: 3, name: 'text', description: 'What follows the command' }],
  }]);
  ok('menu', menu.size, (await client.application.commands.fetch()).first().name);
  const command = await next(Events.InteractionCreate, (it) => it.isChatInputCommand());
  await command.reply({ content: 'received', flags: MessageFlags.Ephemeral });
  await command.followUp({ content: 'and more', flags: MessageFlags.Ephemeral });
  ok('command', command.commandName, command.options.getString('text'), command.user.displayName);
}

async function files(channel) {
  const figures = new AttachmentBuilder(Buffer.from('1,2,3\n'), { name: 'figures 1.csv' });
  const sent = await channel.send({ content: 'the figures', files: [figures] });
  ok('upload', sent.id, sent.attachments.first().size);
  const came = await message();
  const file = came.attachments.first();
  const answer = await fetch(file.url.replace('https://cdn.discordapp.com', cdn));
  ok('download', file.name, file.contentType, await answer.text());
}

async function threads(channel) {
  const thread = await channel.threads.create({ name: 'aside' });
  const sent = await thread.send('in the thread');
  ok('thread', thread.id, sent.id, thread.parentId === channel.id);
  const came = await message();
  ok('in-thread', came.channel.isThread(), came.channel.parent.name, came.content);
}

async function privately() {
  const came = await message();
  ok('private', came.channel.isDMBased(), came.guildId === null, came.content);
  const sent = await client.users.send('4242', 'between us');
  ok('direct', sent.channelId === came.channelId);
}

async function limits(channel) {
  const twice = { content: 'once', nonce: 'a-nonce', enforceNonce: true };
  const [first, second] = [await channel.send(twice), await channel.send(twice)];
  ok('nonce', first.id === second.id);
  ok('too-long', await refused(channel.send('x'.repeat(2001))));
  ok('empty', await refused(channel.send({ content: '' })));
  ok('nowhere', await refused(client.rest.post('/channels/1/messages', { body: { content: 'x' } })));
  const missed = await channel.messages.fetch({ after: first.id, limit: 100 });
  ok('after', missed.size);
  await channel.sendTyping();
  ok('typing');
  await message();
  const slow = await channel.send('sent after a wait');
  ok('throttled', slow.id);
}

async function resumes() {
  for (const step of ['broken', 'asked']) {
    await next(Events.ShardResume);
    const came = await message();
    ok(step, came.content);
  }
}

async function main() {
  const ready = next('ready');
  client.once(Events.ClientReady, () => keep('ready'));
  await client.login(token);
  await ready;
  const guild = client.guilds.cache.first();
  const channel = guild.channels.cache.find((it) => it.name === 'general');
  ok('ready', client.user.username, guild.name, channel.id, channel.threads.cache.size);
  await talk(channel);
  await deeds(channel);
  await files(channel);
  await threads(channel);
  await privately();
  await limits(channel);
  await resumes();
  await client.destroy();
  ok('done');
}

main().catch((err) => {
  process.stdout.write(`FAILED ${err.message}\n`);
  process.stderr.write(`${err.stack}\n`);
  process.exitCode = 3;
  return client.destroy();
});
