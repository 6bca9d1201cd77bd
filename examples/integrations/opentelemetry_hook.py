"""Record whatever OpenTelemetry instruments: OTEL_INSTRUMENTATION_GENAI_COMPLETION_HOOK=plaudit python ..."""

import plaudit_producers as plaudit
from openai import OpenAI
from opentelemetry.instrumentation.genai.openai import OpenAIInstrumentor
from opentelemetry.sdk.trace import TracerProvider

OpenAIInstrumentor().instrument(tracer_provider=TracerProvider())  # it needs no exporter

with plaudit.conversation("order-17", user_id="u-1"):
    answer = OpenAI().chat.completions.create(
        model="answerer-2", messages=[{"role": "user", "content": "Where is my parcel?"}]
    )
    print(answer.choices[0].message.content)
