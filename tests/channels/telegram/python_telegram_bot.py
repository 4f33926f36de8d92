"""A bot made with python-telegram-bot, which takes every step that the double is asked to get right.

Usage: python python_telegram_bot.py <url> <token>
"""

import asyncio
import sys

from telegram import InlineKeyboardButton, InlineKeyboardMarkup, ReplyParameters
from telegram.error import BadRequest, RetryAfter
from telegram.ext import Application, CallbackQueryHandler, MessageHandler, filters

URL, TOKEN = sys.argv[1:3]
failed = []
over = asyncio.Event()
card_id = None


def say(*words):
    print("OK", *words, flush=True)


async def refused(kind, words, coroutine):
    try:
        await coroutine
    except kind as err:
        assert words in str(err), err
        return err
    raise AssertionError(f"not refused with {words}")


async def on_text(update, context):
    message = update.message
    assert message.text == "hello" and message.chat.type == "private"
    name = message.from_user.first_name
    reply = await message.reply_html(
        f"<b>hello</b> <i>{name}</i> &amp; co",
        reply_parameters=ReplyParameters(message.message_id),
    )
    assert reply.text == f"hello {name} & co"
    assert reply.reply_to_message.message_id == message.message_id
    say("reply", reply.message_id)
    buttons = [InlineKeyboardButton(f"{n}", callback_data=f"choice-{n}") for n in (1, 2)]
    card = await message.reply_text("which?", reply_markup=InlineKeyboardMarkup([buttons]))
    say("keyboard", card.message_id)


async def on_press(update, context):
    global card_id
    query = update.callback_query
    say("callback", query.data)
    await query.answer()
    await refused(BadRequest, "Query is too old", query.answer())
    edited = await query.edit_message_text("you chose <b>2</b>", parse_mode="HTML")
    assert edited.text == "you chose 2" and edited.reply_markup is None
    again = query.edit_message_text("you chose <b>2</b>", parse_mode="HTML")
    await refused(BadRequest, "Message is not modified", again)
    say("edit")
    await query.message.reply_chat_action("typing")
    sent = await query.message.reply_document(
        b"1,2,3\n", filename="figures.csv", caption="the <b>figures</b>", parse_mode="HTML"
    )
    assert sent.document.file_name == "figures.csv" and sent.caption == "the figures"
    card_id = query.message.message_id
    say("document", sent.message_id)


async def on_document(update, context):
    message, bot = update.message, context.bot
    assert message.caption == "read this" and message.document.file_name == "notes.txt"
    file = await message.document.get_file()
    say("download", bytes(await file.download_as_bytearray()).decode())
    await bot.set_message_reaction(message.chat_id, card_id, "👍")
    say("reaction")
    await refused(BadRequest, "Can't parse entities", message.reply_html("<b>open"))
    say("parse-error")
    await refused(BadRequest, "Message is too long", message.reply_text("😀" * 2049))
    say("too-long")
    line = await asyncio.to_thread(sys.stdin.readline)
    assert line == "throttled\n"
    err = await refused(RetryAfter, "Retry in 3", message.reply_text("again"))
    wait = err.retry_after
    say("throttle", int(wait.total_seconds() if hasattr(wait, "total_seconds") else wait))
    over.set()


async def on_error(update, context):
    failed.append(context.error)
    over.set()


async def main():
    builder = Application.builder().token(TOKEN)
    app = builder.base_url(f"{URL}/bot").base_file_url(f"{URL}/file/bot").build()
    app.add_handler(MessageHandler(filters.TEXT, on_text))
    app.add_handler(CallbackQueryHandler(on_press))
    app.add_handler(MessageHandler(filters.Document.ALL, on_document))
    app.add_error_handler(on_error)
    async with app:
        say("getMe", app.bot.username)
        await app.updater.start_polling()
        await app.start()
        await over.wait()
        await app.updater.stop()
        await app.stop()
    if failed:
        raise failed[0]
    say("done")


asyncio.run(main())
