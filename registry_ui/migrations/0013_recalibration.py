from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('registry_ui', '0012_watching'),
    ]

    operations = [
        migrations.AlterField(
            model_name='backgroundtask',
            name='kind',
            field=models.CharField(choices=[('sync', 'Sync with the tracking server'), ('flips', 'Decisions that would flip'), ('threshold', 'A candidate with another threshold'), ('recalibration', 'A candidate with other probabilities'), ('preview', 'What a run would do'), ('proposals', 'What could be done, and what it would gain'), ('drift', 'Drift evaluation')], max_length=20),
        ),
    ]
