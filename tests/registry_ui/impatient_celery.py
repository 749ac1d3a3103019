"""Our Celery application with a visibility timeout of a second, looked after every second: `celery -A …`."""

from kombu.transport import redis

from codesoft.celery import app

redis.Channel.unacked_restore_interval = 1
app.conf.broker_transport_options = {**app.conf.broker_transport_options, "visibility_timeout": 1}
