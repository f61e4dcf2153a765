"""OpenAI's Python library against the gateway that run.mjs started; prints one JSON line for each check."""

import json
import os
import traceback

import openai

CLIENT = openai.OpenAI(base_url=os.environ["BASE_URL"], api_key=os.environ["TOKEN"], max_retries=0)
HELLO = [{"role": "user", "content": "hello python"}]
TOOL = {"name": "weather", "parameters": {"type": "object", "properties": {"place": {"type": "string"}}}}
CALLS_TOOL = {"x-openclaw-model": "fake/do=tool:weather"}


def whole_answer():
    answer = CLIENT.chat.completions.create(model="openclaw", messages=HELLO)
    assert answer.choices[0].message.content == "hello python", answer
    assert answer.usage.total_tokens > 0, answer


def stream():
    chunks = list(CLIENT.chat.completions.create(model="openclaw", messages=HELLO, stream=True))
    text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)
    assert text == "hello python", text


def tool_calls():
    tools = [{"type": "function", "function": TOOL}]
    first = CLIENT.chat.completions.create(model="openclaw", messages=HELLO, tools=tools, extra_headers=CALLS_TOOL)
    call = first.choices[0].message.tool_calls[0]
    assert (call.function.name, json.loads(call.function.arguments)) == ("weather", {"place": "here"}), first
    result = {"role": "tool", "tool_call_id": call.id, "content": "windy"}
    messages = [*HELLO, first.choices[0].message.model_dump(exclude_none=True), result]
    second = CLIENT.chat.completions.create(model="openclaw", messages=messages, tools=tools, extra_headers=CALLS_TOOL)
    assert second.choices[0].message.content == "windy", second


def responses():
    first = CLIENT.responses.create(model="openclaw", input="first question")
    second = CLIENT.responses.create(model="openclaw", input="second question", previous_response_id=first.id)
    assert (first.output_text, second.output_text) == ("first question", "second question"), second


def response_stream():
    with CLIENT.responses.stream(model="openclaw", input="hello events") as events:
        names = [event.type for event in events]
        final = events.get_final_response()
    assert final.output_text == "hello events", final
    assert names[0] == "response.created" and names[-1] == "response.completed", names


def embeddings():
    answer = CLIENT.embeddings.create(model="openclaw", input=["a", "four"])
    assert [item.embedding for item in answer.data] == [[1, 0.5, -1], [4, 0.5, -1]], answer


def errors():
    cases = [
        (openai.BadRequestError, lambda: CLIENT.chat.completions.create(model="gpt-4o", messages=HELLO)),
        (openai.BadRequestError, lambda: CLIENT.responses.create(model="openclaw", input="x", temperature=9)),
        (openai.NotFoundError, lambda: CLIENT.responses.create(model="openclaw", input="x", previous_response_id="none")),
        (openai.AuthenticationError, lambda: CLIENT.with_options(api_key="wrong").models.list()),
    ]
    for wanted, ask in cases:
        try:
            ask()
        except wanted:
            continue
        raise AssertionError(f"{wanted.__name__} was expected")


CHECKS = [whole_answer, stream, tool_calls, responses, response_stream, embeddings, errors]
for check in CHECKS:
    failure = None
    try:
        check()
    except Exception:
        failure = traceback.format_exc()
    print(json.dumps({"name": check.__name__.replace("_", " "), "error": failure}), flush=True)
