"""Keypoints and parsing maps of images that lack them: estimated by networks, and checked.

| module | content |
|---|---|
| annotate, parse | the commands: estimate keypoints and parsing maps |
| joint_finders | networks that find joints |
| check_keypoints, keypoint_sheet | the command that checks keypoint files, and its sheet |
| keypoint_source, picture_folder | keypoints with their images; a folder of images |
"""
