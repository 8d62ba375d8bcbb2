"""Make viewers narrow, the ledger's key (viewer, id), and the tables of the analytics.

The tables are empty at first: `rebuild_totals` fills them from the ledger, which takes about as long as the
events took to be counted. Until it was run, a row of RebuildDue says so, and the consumer warns.
"""

import datetime
from typing import Any

import django.contrib.auth.validators
import django.db.models.deletion
import django.db.models.expressions
import django.db.models.functions.comparison
import django.db.models.functions.text
from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor


# Room in each page for new versions of its rows, so that the fold updates them in place.
FILLFACTORS = {
    "watchtime_customuser": 85,
    "watchtime_movie": 50,
    "watchtime_watchtime": 85,
    "watchtime_movieblock": 50,
    "watchtime_moviequarter": 85,
    "watchtime_movieday": 85,
}
DUE = "The analytics of the events counted before this version are missing."


def set_fillfactors(_apps: Any, editor: BaseDatabaseSchemaEditor) -> None:
    if editor.connection.vendor == "postgresql":
        for table, percent in FILLFACTORS.items():
            editor.execute(f"ALTER TABLE {table} SET (fillfactor = {percent})")


def note_rebuild(apps: Any, _editor: BaseDatabaseSchemaEditor) -> None:
    if apps.get_model("watchtime", "Event").objects.exists():
        apps.get_model("watchtime", "RebuildDue").objects.create(reason=DUE)


class Migration(migrations.Migration):

    dependencies = [
        ('watchtime', '0003_accounts'),
    ]

    operations = [
        migrations.CreateModel(
            name='MovieBlock',
            fields=[
                ('movie', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='blocks', to='watchtime.movie')),
                ('pk', models.CompositePrimaryKey('movie_id', 'block', blank=True, editable=False, primary_key=True, serialize=False)),
                ('block', models.SmallIntegerField(help_text='Its first second, divided by BLOCK_SECONDS.')),
                ('views', models.BinaryField()),
                ('viewers', models.BinaryField()),
            ],
            options={
                'default_permissions': (),
            },
        ),
        migrations.CreateModel(
            name='MovieDay',
            fields=[
                ('movie', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='watchtime.movie')),
                ('period', models.IntegerField(help_text='How many such periods after 1970 began in UTC.')),
                ('seconds', models.BigIntegerField(help_text='Seconds watched.')),
                ('events', models.BigIntegerField(help_text='Events counted.')),
                ('pk', models.CompositePrimaryKey('movie_id', 'period', blank=True, editable=False, primary_key=True, serialize=False)),
            ],
            options={
                'abstract': False,
                'default_permissions': (),
            },
        ),
        migrations.CreateModel(
            name='MovieQuarter',
            fields=[
                ('movie', models.ForeignKey(db_constraint=False, db_index=False, on_delete=django.db.models.deletion.CASCADE, related_name='+', to='watchtime.movie')),
                ('period', models.IntegerField(help_text='How many such periods after 1970 began in UTC.')),
                ('seconds', models.BigIntegerField(help_text='Seconds watched.')),
                ('events', models.BigIntegerField(help_text='Events counted.')),
                ('pk', models.CompositePrimaryKey('movie_id', 'period', blank=True, editable=False, primary_key=True, serialize=False)),
            ],
            options={
                'abstract': False,
                'default_permissions': (),
            },
        ),
        migrations.CreateModel(
            name='RebuildDue',
            fields=[
                ('id', models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name='ID')),
                ('reason', models.TextField()),
            ],
            options={
                'default_permissions': (),
            },
        ),
        migrations.AlterModelOptions(
            name='customuser',
            options={'verbose_name': 'viewer'},
        ),
        migrations.AlterModelManagers(
            name='customuser',
            managers=[
            ],
        ),
        migrations.RemoveIndex(
            model_name='customuser',
            name='user_top',
        ),
        migrations.RemoveIndex(
            model_name='customuser',
            name='user_staff',
        ),
        migrations.RemoveIndex(
            model_name='movie',
            name='movie_top',
        ),
        migrations.RemoveField(
            model_name='customuser',
            name='date_joined',
        ),
        migrations.RemoveField(
            model_name='customuser',
            name='email',
        ),
        migrations.RemoveField(
            model_name='customuser',
            name='first_name',
        ),
        migrations.RemoveField(
            model_name='customuser',
            name='groups',
        ),
        migrations.RemoveField(
            model_name='customuser',
            name='is_active',
        ),
        migrations.RemoveField(
            model_name='customuser',
            name='is_staff',
        ),
        migrations.RemoveField(
            model_name='customuser',
            name='is_superuser',
        ),
        migrations.RemoveField(
            model_name='customuser',
            name='last_login',
        ),
        migrations.RemoveField(
            model_name='customuser',
            name='last_name',
        ),
        migrations.RemoveField(
            model_name='customuser',
            name='password',
        ),
        migrations.RemoveField(
            model_name='customuser',
            name='user_permissions',
        ),
        migrations.AddField(
            model_name='customuser',
            name='magnitude',
            field=models.GeneratedField(db_persist=True, expression=django.db.models.expressions.CombinedExpression(django.db.models.expressions.CombinedExpression(django.db.models.functions.text.Length(django.db.models.functions.comparison.Cast(django.db.models.expressions.CombinedExpression(models.F('total_watch_time'), '/', models.Value(300)), models.CharField())), '*', models.Value(100)), '+', django.db.models.functions.comparison.Cast(models.Func(django.db.models.functions.comparison.Cast(django.db.models.expressions.CombinedExpression(models.F('total_watch_time'), '/', models.Value(300)), models.CharField()), function='SUBSTR', template='%(function)s(%(expressions)s, (1), (2))'), models.SmallIntegerField())), output_field=models.SmallIntegerField()),
        ),
        migrations.AddField(
            model_name='event',
            name='positional',
            field=models.BooleanField(default=True, help_text='Whether start and at are moments of the movie; otherwise only their difference counts.'),
        ),
        migrations.AddField(
            model_name='movie',
            name='duration_seconds',
            field=models.IntegerField(blank=True, help_text='How long the movie is, in seconds.', null=True),
        ),
        migrations.AddField(
            model_name='movie',
            name='magnitude',
            field=models.GeneratedField(db_persist=True, expression=django.db.models.expressions.CombinedExpression(django.db.models.expressions.CombinedExpression(django.db.models.functions.text.Length(django.db.models.functions.comparison.Cast(django.db.models.expressions.CombinedExpression(models.F('total_watch_time'), '/', models.Value(300)), models.CharField())), '*', models.Value(100)), '+', django.db.models.functions.comparison.Cast(models.Func(django.db.models.functions.comparison.Cast(django.db.models.expressions.CombinedExpression(models.F('total_watch_time'), '/', models.Value(300)), models.CharField()), function='SUBSTR', template='%(function)s(%(expressions)s, (1), (2))'), models.SmallIntegerField())), output_field=models.SmallIntegerField()),
        ),
        migrations.AddField(
            model_name='watchtime',
            name='coverage',
            field=models.BinaryField(default=b'', help_text='Which seconds those are, see watchtime.coverage.'),
        ),
        migrations.AddField(
            model_name='watchtime',
            name='latest_event',
            field=models.UUIDField(editable=False, help_text="The latest positional event's id.", null=True),
        ),
        migrations.AddField(
            model_name='watchtime',
            name='resume_moment',
            field=models.IntegerField(default=0, help_text='The moment that the latest event reached.'),
        ),
        migrations.AddField(
            model_name='watchtime',
            name='unique_seconds',
            field=models.IntegerField(default=0, help_text='Seconds of the movie that were watched at least once.'),
        ),
        migrations.AddField(
            model_name='watchtime',
            name='watched_at',
            field=models.DateTimeField(default=datetime.datetime(1970, 1, 1, 0, 0, tzinfo=datetime.timezone.utc), help_text='When the latest event was watched.'),
        ),
        migrations.AddField(
            model_name='watchtime',
            name='watched_day',
            field=models.IntegerField(default=0, editable=False, help_text='The days from 1970 to watched_at, in UTC.'),
        ),
        migrations.AlterField(
            model_name='customuser',
            name='total_watch_time',
            field=models.BigIntegerField(db_default=0, default=0, editable=False, help_text='Seconds watched, of all movies.'),
        ),
        migrations.AlterField(
            model_name='customuser',
            name='username',
            field=models.CharField(error_messages={'unique': 'A viewer with that username already exists.'}, max_length=100, unique=True, validators=[django.contrib.auth.validators.UnicodeUsernameValidator()]),
        ),
        migrations.AlterField(
            model_name='event',
            name='event_id',
            field=models.UUIDField(help_text='The idempotency key, unique for the viewer.'),
        ),
        migrations.AlterField(
            model_name='movie',
            name='title',
            field=models.CharField(blank=True, db_default='', default='', max_length=200),
        ),
        migrations.AlterField(
            model_name='movie',
            name='total_watch_time',
            field=models.BigIntegerField(db_default=0, default=0, editable=False, help_text='Seconds watched, by all viewers.'),
        ),
        migrations.AlterField(
            model_name='watchtime',
            name='total',
            field=models.BigIntegerField(help_text='Seconds watched, repeated parts included.'),
        ),
        migrations.AddIndex(
            model_name='customuser',
            index=models.Index(fields=['magnitude'], name='user_by_magnitude'),
        ),
        migrations.AddIndex(
            model_name='movie',
            index=models.Index(fields=['magnitude'], name='movie_by_magnitude'),
        ),
        migrations.AddIndex(
            model_name='watchtime',
            index=models.Index(fields=['user', 'watched_day'], name='watch_time_by_day'),
        ),
        migrations.AddConstraint(
            model_name='event',
            constraint=models.UniqueConstraint(fields=('user', 'event_id'), name='event_key'),
        ),
        migrations.AddConstraint(
            model_name='event',
            constraint=models.CheckConstraint(condition=models.Q(('positional', True), ('start', 0), _connector='OR'), name='event_positional'),
        ),
        migrations.AddConstraint(
            model_name='movie',
            constraint=models.CheckConstraint(condition=models.Q(('duration_seconds__range', (1, 86400))), name='movie_duration'),
        ),
        migrations.AddConstraint(
            model_name='watchtime',
            constraint=models.CheckConstraint(condition=models.Q(('resume_moment__gte', 0), ('resume_moment__lte', models.F('last_moment'))), name='watch_time_resume_moment'),
        ),
        migrations.AddConstraint(
            model_name='watchtime',
            constraint=models.CheckConstraint(condition=models.Q(('unique_seconds__gte', 0), ('unique_seconds__lte', models.F('last_moment')), ('unique_seconds__lte', models.F('total'))), name='watch_time_unique_seconds'),
        ),
        migrations.AddIndex(
            model_name='movieday',
            index=models.Index(fields=['period'], name='movie_day_by_period'),
        ),
        migrations.AddConstraint(
            model_name='movieday',
            constraint=models.CheckConstraint(condition=models.Q(('seconds__gte', 0), ('seconds__lte', 9223372036854775807)), name='movie_day_seconds'),
        ),
        migrations.AddIndex(
            model_name='moviequarter',
            index=models.Index(fields=['period'], name='movie_quarter_by_period'),
        ),
        migrations.AddConstraint(
            model_name='moviequarter',
            constraint=models.CheckConstraint(condition=models.Q(('seconds__gte', 0), ('seconds__lte', 9223372036854775807)), name='movie_quarter_seconds'),
        ),
        migrations.RunPython(set_fillfactors, migrations.RunPython.noop),
        migrations.RunPython(note_rebuild, migrations.RunPython.noop),
    ]
