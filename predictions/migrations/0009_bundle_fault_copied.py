from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('predictions', '0008_watching'),
    ]

    operations = [
        migrations.AddField(
            model_name='bundlefault',
            name='copied',
            field=models.BooleanField(default=True),
        ),
    ]
